// PostGraphile over the schema "app" of a database: `node serve.mjs URL PORT KEY`. Who asks stands in the header x-user.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const [url, port, key] = process.argv.slice(2);
const pgl = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: url, schemas: ["app"] })],
  grafast: {
    context: ({ node }) => ({
      pgSettings: { role: "visitor", "app.user": node.req.headers["x-user"], "app.key": key },
    }),
  },
  grafserv: { graphiql: false, watch: false },
});
const server = createServer();
await pgl.createServ(grafserv).addTo(server);
server.listen(Number(port), "127.0.0.1");
