#!/bin/sh
# Builds the pages anew, checks that those that are stored are the same, makes a client from the API's description, and
# drives the desk: test.sh ENDCAP [SHOTS_FOLDER]
set -eu
cd "$(dirname "$0")"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || {
  echo "SKIPPED: the desk's pages need Node 20.19 or newer, here is $(node --version)" >&2
  exit 0
}
# Not `npm ci`: npm leaves packages of other platforms out of the lock file, which it then calls incomplete.
npm install --no-save --no-audit --no-fund --loglevel=error
npm run --silent check
npx vite build --outDir "$PWD/built.tmp" --emptyOutDir --logLevel warn
diff -r dist built.tmp || { echo 'dist is old: run `npm install && npm run build` in crates/app/web and store it' >&2; exit 1; }
rm -r built.tmp
npx openapi-typescript ../../../docs/openapi.json --output e2e/api.d.ts
npx tsc --project tsconfig.client.json
node e2e/desk.mjs "$@"
node e2e/hostile.mjs "$@"
node e2e/approvals.mjs "$@"
node e2e/sign-in.mjs "$@"
node e2e/stop.mjs "$@"
node e2e/channels.mjs "$@"
node e2e/models.mjs "$@"
