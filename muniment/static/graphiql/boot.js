// Starts GraphiQL. What is typed here lives in this page's memory and is gone with it: queries may hold passwords,
// and headers hold tokens, so nothing of either is written to the browser's storage.
'use strict';

const kept = new Map();
const storage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => void kept.set(key, value),
  removeItem: (key) => void kept.delete(key),
  clear: () => kept.clear(),
  get length() { return kept.size; },
};

const endpoint = new URL('/graphql', window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol.replace('http', 'ws');

const welcome = `# Sign in with signIn or registerContributor, then put the token under Headers below:
#
#   { "Authorization": "Bearer mun_s_…" }
#
# and fetch the schema again (the round arrow on the left). Nothing you type is kept when you leave this page.

{
  viewer {
    kind
  }
}
`;

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: endpoint.href, subscriptionUrl: socket.href }),
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultQuery: welcome,
    defaultEditorToolsVisibility: 'headers',
    shouldPersistHeaders: false,
    storage,
  }),
);
