# The program in an image: its data in /data, its user 1000. How to run it: docs/operation.md, "In a container".
#   docker build -t norigate .
#   docker run --rm norigate --help
FROM node:20-bookworm-slim AS build
WORKDIR /norigate
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && rm -r dist/.stamps && npm prune --omit=dev

FROM node:20-bookworm-slim
# It listens to the network of its container, so it lets in nobody without a credential.
ENV NODE_ENV=production DATA_DIR=/data HOST=0.0.0.0 NORIGATE_AUTH=required
WORKDIR /norigate
# A new volume takes its owner from here.
RUN mkdir --mode=700 /data && chown node:node /data
COPY --from=build /norigate/node_modules node_modules
COPY --from=build /norigate/package.json package.json
COPY --from=build /norigate/dist dist
# As numbers, so that Kubernetes sees that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 4000
HEALTHCHECK --start-period=60s --timeout=5s CMD ["node", "dist/src/main.js", "health"]
ENTRYPOINT ["node", "dist/src/main.js"]
