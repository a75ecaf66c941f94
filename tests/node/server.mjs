// Where the server under test is, and as whom to ask it: tests/node/__main__.py starts it and says so.
export const url = process.env.SERVER_URL;
export const graphql = `${url}/graphql`;
export const authorization = `Bearer ${process.env.SERVER_TOKEN}`;
