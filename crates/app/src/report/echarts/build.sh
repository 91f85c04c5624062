#!/bin/sh
# Builds ../echarts.min.js: the parts of Apache ECharts that the report uses, with every licence notice at its head.
# Needs Node and npm; run `npm install` here first. Only whoever changes the charts needs this: the built file is kept.
set -eu
cd "$(dirname "$0")"
modules=node_modules
{
  echo '/*! Apache ECharts 6.1.0, the parts named in entry.js. Licensed under the Apache License, Version 2.0:'
  echo 'https://www.apache.org/licenses/LICENSE-2.0'
  echo
  cat "$modules/echarts/NOTICE"
  echo
  echo
  echo 'It holds zrender 6.1.0:'
  cat "$modules/zrender/LICENSE"
  echo
  echo 'It holds parts of d3.js:'
  cat "$modules/echarts/licenses/LICENSE-d3"
  echo
  echo 'It holds tslib 2.3.0:'
  tr -d '\r' < "$modules/tslib/LICENSE.txt"
  echo '*/'
} > notice.tmp
"$modules/.bin/esbuild" entry.js --bundle --minify --format=iife --global-name=echarts --target=es2018 \
  --legal-comments=none --charset=ascii --banner:js="$(cat notice.tmp)" --outfile=../echarts.min.js
rm notice.tmp
