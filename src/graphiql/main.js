/**
 * The GraphiQL page: queries go to /graphql over HTTP, subscriptions to the same path over WebSocket, whose
 * connectionParams are what the header editor says. It opens with a tab for each pattern.
 */
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { parse } from 'graphql';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

const headers = JSON.stringify({ 'x-tenant-id': 'default' }, null, 2);

async function readTabs() {
  const answer = await fetch('/graphiql/tabs.json');
  const tabs = answer.ok ? await answer.json() : [];
  return tabs.map(({ query }) => ({ query, headers }));
}

const url = new URL('/graphql', location.href);
const subscriptionUrl = new URL(url);
subscriptionUrl.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

const send = createGraphiQLFetcher({ url: url.href, subscriptionUrl: subscriptionUrl.href });
// GraphiQL's own document lags behind the editor by a moment, in which a subscription would be sent over HTTP.
const fetcher = (params, options) => send(params, { ...options, documentAST: parse(params.query) });
const root = createRoot(document.getElementById('root'));
const defaultTabs = await readTabs();
root.render(
  createElement(
    GraphiQL,
    {
      fetcher,
      defaultHeaders: headers,
      ...(defaultTabs.length > 0 ? { defaultTabs } : {}),
      defaultEditorToolsVisibility: 'headers',
      shouldPersistHeaders: false,
    },
    createElement(GraphiQL.Logo, null, 'norigate'),
  ),
);
