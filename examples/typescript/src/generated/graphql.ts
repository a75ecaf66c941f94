/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** What can be done with a thing. `viewerCan` lists those that will work for you. */
export type Action =
  | 'ACCEPT'
  | 'ANNOUNCE_MAINTENANCE'
  | 'ANSWER'
  | 'APPOINT'
  | 'APPROVE'
  | 'ASSESS'
  | 'BUILD'
  | 'CANCEL'
  | 'CLOSE'
  | 'COLLECT_EVIDENCE'
  | 'COMPLAIN'
  | 'COMPLETE'
  | 'CONSENT'
  | 'CORRECT'
  | 'CREATE_API_KEY'
  | 'CREATE_ASSET'
  | 'CREATE_PROJECT'
  | 'DECIDE'
  | 'DELETE'
  | 'DELIVER'
  | 'DENY'
  | 'DISABLE'
  | 'ENABLE'
  | 'END'
  | 'ERASE'
  | 'EXPIRE'
  | 'EXPLAIN'
  | 'EXPLAIN_OTHERS'
  | 'EXPORT'
  | 'GENERATE'
  | 'HANDLE'
  | 'IMPORT'
  | 'LOCK_DOWN'
  | 'NOTIFY'
  | 'OPEN_ACCESS_REVIEW'
  | 'OPEN_INVESTIGATION'
  | 'PLACE_HOLD'
  | 'PUBLISH_NOTICE'
  | 'READ'
  | 'READ_CONTACT'
  | 'READ_CONTENT'
  | 'READ_REASON'
  | 'RECONCILE'
  | 'REGISTER_CHANGE'
  | 'REGISTER_SERVICE'
  | 'RELEASE'
  | 'RELOAD_POLICY'
  | 'REMOVE_STAFF'
  | 'REQUEST_ACCESS'
  | 'REVIEW'
  | 'REVOKE'
  | 'SET_RETENTION'
  | 'SHARE'
  | 'SUBMIT_PROMPT'
  | 'UPDATE'
  | 'UPLOAD'
  | 'VERIFY';

/** AWAITING_UPLOAD until its bytes have come; AVAILABLE; QUARANTINED if they are unsafe. */
export type AssetStatus =
  | 'AVAILABLE'
  | 'AWAITING_UPLOAD'
  | 'QUARANTINED';

/** A file to be uploaded. */
export type CreateAssetInput = {
  /** Exactly how many bytes will be sent. */
  byteSize: number;
  /** Anything worth saying about it. */
  description?: string;
  /** Its name, kept sealed; never used as a path. */
  fileName: string;
  /** What kind of file it is. The bytes are checked against it. */
  mediaType: string;
  /** The project it goes into. */
  projectId: string | number;
  /** Up to 50 tags. */
  tags?: Array<string>;
  /** What to call it; the file name if left out. */
  title?: string | null | undefined;
};

/** How the model is asked to write. What is left out is the agent's choice. */
export type GenerationParameters = {
  /** Length of each variation, 1 to 2048 tokens. */
  maxTokens?: number | null | undefined;
  /** Makes a run repeatable where the provider allows. */
  seed?: number | null | undefined;
  /** 0 (always the same) to 2 (wild). */
  temperature?: number | null | undefined;
};

/** Where a prompt's run stands. */
export type PromptStatus =
  | 'CANCELLED'
  | 'COMPLETED'
  | 'FAILED'
  | 'QUEUED'
  | 'RUNNING';

/** A new account. */
export type RegisterContributorInput = {
  /** The name shown to people you share with. */
  displayName: string;
  /** The e-mail to sign in with. */
  email: string;
  /** 12 characters or more. */
  password: string;
};

/** A step of a run. GENERATE occurs once per variation. */
export type StepName =
  | 'ANALYZE_STYLE'
  | 'FINISH'
  | 'GENERATE'
  | 'READ_BRIEF';

/** How a step went. SKIPPED: a preference of the contributor's forbids it. */
export type StepStatus =
  | 'CANCELLED'
  | 'DONE'
  | 'FAILED'
  | 'RUNNING'
  | 'SKIPPED';

/** A brief for the generation agent. */
export type SubmitPromptInput = {
  /** Up to 10 assets of the same project to work from. */
  assetIds?: Array<string | number>;
  /** A model offered here; the default if left out. */
  model?: string | null | undefined;
  /** How to write them. */
  parameters?: GenerationParameters | null | undefined;
  /** The project to work in. */
  projectId: string | number;
  /** The brief: what to make. */
  text: string;
  /** How many variations to make. */
  variations?: number;
};

export type RegisterMutationVariables = Exact<{
  input: RegisterContributorInput;
}>;


export type RegisterMutation = { registerContributor: { contributor: { id: string }, session: { token: string | null, expiresAt: string } } };

export type CreateProjectMutationVariables = Exact<{
  name: string;
}>;


export type CreateProjectMutation = { createProject: { project: { id: string, name: string, viewerCan: Array<Action> } } };

export type AnnounceAssetMutationVariables = Exact<{
  input: CreateAssetInput;
}>;


export type AnnounceAssetMutation = { createAsset: { uploadUrl: string, asset: { id: string } } };

export type AssetStateQueryVariables = Exact<{
  id: string | number;
}>;


export type AssetStateQuery = { asset: { status: AssetStatus, byteSize: number, checksum: string | null } };

export type SubmitPromptMutationVariables = Exact<{
  input: SubmitPromptInput;
}>;


export type SubmitPromptMutation = { submitPrompt: { auditEventId: string, prompt: { id: string, status: PromptStatus } } };

export type FollowPromptSubscriptionVariables = Exact<{
  id: string | number;
}>;


export type FollowPromptSubscription = { promptProgress: { percentage: number, steps: Array<{ name: StepName, status: StepStatus, partialText: string | null }>, prompt: { status: PromptStatus } } };

export type OutputsQueryVariables = Exact<{
  id: string | number;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type OutputsQuery = { prompt: { outputs: { totalCount: number, edges: Array<{ node: { id: string, variation: number, text: string, viewerCan: Array<Action> } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } };

export type SignOutMutationVariables = Exact<{ [key: string]: never; }>;


export type SignOutMutation = { signOut: { auditEventId: string } };


export const RegisterDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Register"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"RegisterContributorInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"registerContributor"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"contributor"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}},{"kind":"Field","name":{"kind":"Name","value":"session"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"token"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}}]}}]}}]} as unknown as DocumentNode<RegisterMutation, RegisterMutationVariables>;
export const CreateProjectDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"CreateProject"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"name"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"createProject"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[{"kind":"ObjectField","name":{"kind":"Name","value":"name"},"value":{"kind":"Variable","name":{"kind":"Name","value":"name"}}}]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"project"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"viewerCan"}}]}}]}}]}}]} as unknown as DocumentNode<CreateProjectMutation, CreateProjectMutationVariables>;
export const AnnounceAssetDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"AnnounceAsset"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"CreateAssetInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"createAsset"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"asset"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}},{"kind":"Field","name":{"kind":"Name","value":"uploadUrl"}}]}}]}}]} as unknown as DocumentNode<AnnounceAssetMutation, AnnounceAssetMutationVariables>;
export const AssetStateDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"AssetState"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"asset"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"byteSize"}},{"kind":"Field","name":{"kind":"Name","value":"checksum"}}]}}]}}]} as unknown as DocumentNode<AssetStateQuery, AssetStateQueryVariables>;
export const SubmitPromptDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SubmitPrompt"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"SubmitPromptInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"submitPrompt"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"prompt"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}}]}},{"kind":"Field","name":{"kind":"Name","value":"auditEventId"}}]}}]}}]} as unknown as DocumentNode<SubmitPromptMutation, SubmitPromptMutationVariables>;
export const FollowPromptDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"subscription","name":{"kind":"Name","value":"FollowPrompt"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"promptProgress"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"promptId"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"percentage"}},{"kind":"Field","name":{"kind":"Name","value":"steps"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"partialText"}}]}},{"kind":"Field","name":{"kind":"Name","value":"prompt"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"status"}}]}}]}}]}}]} as unknown as DocumentNode<FollowPromptSubscription, FollowPromptSubscriptionVariables>;
export const OutputsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Outputs"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}},"defaultValue":{"kind":"IntValue","value":"10"}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"prompt"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"outputs"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"totalCount"}},{"kind":"Field","name":{"kind":"Name","value":"edges"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"node"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"variation"}},{"kind":"Field","name":{"kind":"Name","value":"text"}},{"kind":"Field","name":{"kind":"Name","value":"viewerCan"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]}}]} as unknown as DocumentNode<OutputsQuery, OutputsQueryVariables>;
export const SignOutDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SignOut"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"signOut"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"auditEventId"}}]}}]}}]} as unknown as DocumentNode<SignOutMutation, SignOutMutationVariables>;