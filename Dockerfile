# The agency's program and nothing beside it: every role of it is one command of this image.
#
#   make image            builds bin/static/agency, and then this as agency:local
FROM scratch
COPY bin/static/agency /agency
ENV AGENCY_DATA=/data
VOLUME /data
ENTRYPOINT ["/agency"]
CMD ["--help"]
