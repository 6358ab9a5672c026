import './style.css';

export const metadata = { title: 'Verify your phone number', icons: 'data:,' };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
