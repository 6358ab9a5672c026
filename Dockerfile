# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile ship --locked --bin pinroute && cp target/ship/pinroute /usr/local/bin/

# The same Debian release as above, for its C library. Root certificates are compiled into the binary.
FROM debian:bookworm-slim
# With SQLite, the database and its key are created in the working directory; with Postgres, no volume is needed.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/pinroute pinroute
COPY --from=build /usr/local/bin/pinroute /usr/local/bin/
USER 10001
WORKDIR /var/lib/pinroute
ENV PINROUTE_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["pinroute"]
