/* eslint-disable */
import * as types from './graphql.js';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  mutation Register($input: RegisterContributorInput!) {\n    registerContributor(input: $input) {\n      contributor { id }\n      session { token expiresAt }\n    }\n  }\n": typeof types.RegisterDocument,
    "\n  mutation CreateProject($name: String!) {\n    createProject(input: { name: $name }) { project { id name viewerCan } }\n  }\n": typeof types.CreateProjectDocument,
    "\n  mutation AnnounceAsset($input: CreateAssetInput!) {\n    createAsset(input: $input) { asset { id } uploadUrl }\n  }\n": typeof types.AnnounceAssetDocument,
    "\n  query AssetState($id: ID!) {\n    asset(id: $id) { status byteSize checksum }\n  }\n": typeof types.AssetStateDocument,
    "\n  mutation SubmitPrompt($input: SubmitPromptInput!) {\n    submitPrompt(input: $input) { prompt { id status } auditEventId }\n  }\n": typeof types.SubmitPromptDocument,
    "\n  subscription FollowPrompt($id: ID!) {\n    promptProgress(promptId: $id) {\n      percentage\n      steps { name status partialText }\n      prompt { status }\n    }\n  }\n": typeof types.FollowPromptDocument,
    "\n  query Outputs($id: ID!, $first: Int = 10, $after: String) {\n    prompt(id: $id) {\n      outputs(first: $first, after: $after) {\n        totalCount\n        edges { node { id variation text viewerCan } }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": typeof types.OutputsDocument,
    "\n  mutation SignOut { signOut { auditEventId } }\n": typeof types.SignOutDocument,
};
const documents: Documents = {
    "\n  mutation Register($input: RegisterContributorInput!) {\n    registerContributor(input: $input) {\n      contributor { id }\n      session { token expiresAt }\n    }\n  }\n": types.RegisterDocument,
    "\n  mutation CreateProject($name: String!) {\n    createProject(input: { name: $name }) { project { id name viewerCan } }\n  }\n": types.CreateProjectDocument,
    "\n  mutation AnnounceAsset($input: CreateAssetInput!) {\n    createAsset(input: $input) { asset { id } uploadUrl }\n  }\n": types.AnnounceAssetDocument,
    "\n  query AssetState($id: ID!) {\n    asset(id: $id) { status byteSize checksum }\n  }\n": types.AssetStateDocument,
    "\n  mutation SubmitPrompt($input: SubmitPromptInput!) {\n    submitPrompt(input: $input) { prompt { id status } auditEventId }\n  }\n": types.SubmitPromptDocument,
    "\n  subscription FollowPrompt($id: ID!) {\n    promptProgress(promptId: $id) {\n      percentage\n      steps { name status partialText }\n      prompt { status }\n    }\n  }\n": types.FollowPromptDocument,
    "\n  query Outputs($id: ID!, $first: Int = 10, $after: String) {\n    prompt(id: $id) {\n      outputs(first: $first, after: $after) {\n        totalCount\n        edges { node { id variation text viewerCan } }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": types.OutputsDocument,
    "\n  mutation SignOut { signOut { auditEventId } }\n": types.SignOutDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Register($input: RegisterContributorInput!) {\n    registerContributor(input: $input) {\n      contributor { id }\n      session { token expiresAt }\n    }\n  }\n"): (typeof documents)["\n  mutation Register($input: RegisterContributorInput!) {\n    registerContributor(input: $input) {\n      contributor { id }\n      session { token expiresAt }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation CreateProject($name: String!) {\n    createProject(input: { name: $name }) { project { id name viewerCan } }\n  }\n"): (typeof documents)["\n  mutation CreateProject($name: String!) {\n    createProject(input: { name: $name }) { project { id name viewerCan } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation AnnounceAsset($input: CreateAssetInput!) {\n    createAsset(input: $input) { asset { id } uploadUrl }\n  }\n"): (typeof documents)["\n  mutation AnnounceAsset($input: CreateAssetInput!) {\n    createAsset(input: $input) { asset { id } uploadUrl }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query AssetState($id: ID!) {\n    asset(id: $id) { status byteSize checksum }\n  }\n"): (typeof documents)["\n  query AssetState($id: ID!) {\n    asset(id: $id) { status byteSize checksum }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SubmitPrompt($input: SubmitPromptInput!) {\n    submitPrompt(input: $input) { prompt { id status } auditEventId }\n  }\n"): (typeof documents)["\n  mutation SubmitPrompt($input: SubmitPromptInput!) {\n    submitPrompt(input: $input) { prompt { id status } auditEventId }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription FollowPrompt($id: ID!) {\n    promptProgress(promptId: $id) {\n      percentage\n      steps { name status partialText }\n      prompt { status }\n    }\n  }\n"): (typeof documents)["\n  subscription FollowPrompt($id: ID!) {\n    promptProgress(promptId: $id) {\n      percentage\n      steps { name status partialText }\n      prompt { status }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Outputs($id: ID!, $first: Int = 10, $after: String) {\n    prompt(id: $id) {\n      outputs(first: $first, after: $after) {\n        totalCount\n        edges { node { id variation text viewerCan } }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Outputs($id: ID!, $first: Int = 10, $after: String) {\n    prompt(id: $id) {\n      outputs(first: $first, after: $after) {\n        totalCount\n        edges { node { id variation text viewerCan } }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignOut { signOut { auditEventId } }\n"): (typeof documents)["\n  mutation SignOut { signOut { auditEventId } }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;