FROM rust:1.95-bookworm AS build
# aws-lc-sys and zstd-sys build C code.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake clang && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package clarion-cli --package clarion-simulator

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/clarion clarion
COPY --from=build /src/target/release/clarion /src/target/release/clarion-simulator /usr/local/bin/
COPY config /etc/clarion
USER clarion
WORKDIR /var/lib/clarion
VOLUME /var/lib/clarion
ENTRYPOINT ["clarion"]
CMD ["--help"]
