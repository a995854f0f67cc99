# Every program of Fanfare in one image that holds nothing else of ours: no sources, no
# toolchain, no package manager's leftovers. The runtime stage runs no command, so its base
# may be one without a shell (such as distroless/cc). Building needs BuildKit.
#
#   docker build --tag fanfare:local .

ARG BUILDER_IMAGE=rust:1-slim-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILDER_IMAGE} AS build
WORKDIR /src
COPY . .
# Line numbers in backtraces are for developers, and would make up most of the image.
ENV CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=debuginfo
# Crates and target folder stay in caches of the building machine, which later builds find
# again. A cache is gone after its step, so the programs leave it in the same one.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release \
        --package fanfare-cli \
        --package fanfare-consumer-hubspot \
        --package fanfare-consumer-sendgrid \
        --package fanfare-consumer-webhook \
        --package fanfare-relay \
        --package fanfare-sandbox \
    && install -D --target-directory=/image/usr/local/bin \
        target/release/fanfare \
        target/release/fanfare-consumer-hubspot \
        target/release/fanfare-consumer-sendgrid \
        target/release/fanfare-consumer-webhook \
        target/release/fanfare-relay \
        target/release/fanfare-sandbox \
    && install -D --mode=0644 --target-directory=/image/etc/ssl/certs \
        /etc/ssl/certs/ca-certificates.crt \
    && mkdir /state

FROM ${RUNTIME_IMAGE}
COPY --from=build /image /
# The one place that a program writes to: `fanfare` records there what operators change.
COPY --from=build --chown=10001:10001 /state /var/lib/fanfare
ENV XDG_STATE_HOME=/var/lib
# By number, so that a platform can see that it is not root.
USER 10001:10001
CMD ["fanfare", "--help"]
