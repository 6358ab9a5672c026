# syntax=docker/dockerfile:1

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile ship --locked --bin pinroute && cp target/ship/pinroute /usr/local/bin/

# The same Debian release as above, for its C library. Root certificates are compiled into the binary.
FROM debian:12.14-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/pinroute pinroute
COPY --from=build /usr/local/bin/pinroute /usr/local/bin/
USER 10001
# With SQLite, the database and its key are created here, so both are kept in the same volume. With Postgres it stays empty.
WORKDIR /var/lib/pinroute
VOLUME /var/lib/pinroute
ENV PINROUTE_LISTEN=0.0.0.0:8080
ENV PINROUTE_SIMULATOR_LISTEN=0.0.0.0:8081
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["pinroute", "health"]
ENTRYPOINT ["pinroute"]
