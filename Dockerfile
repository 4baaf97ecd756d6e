# The program as `node dist/src/main.js` starts it:
#   docker build -t norigate .
FROM node:20-slim AS build
WORKDIR /norigate
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /norigate
COPY --from=build /norigate/node_modules node_modules
COPY --from=build /norigate/package.json package.json
COPY --from=build /norigate/dist dist
USER node
EXPOSE 4000
CMD ["node", "dist/src/main.js"]
