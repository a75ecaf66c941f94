// What this client asks. `npm run generate` checks it against schema.graphql and writes its types into generated/.
import { graphql } from './generated/index.js';

export const Register = graphql(`
  mutation Register($input: RegisterContributorInput!) {
    registerContributor(input: $input) {
      contributor { id }
      session { token expiresAt }
    }
  }
`);

export const CreateProject = graphql(`
  mutation CreateProject($name: String!) {
    createProject(input: { name: $name }) { project { id name viewerCan } }
  }
`);

export const AnnounceAsset = graphql(`
  mutation AnnounceAsset($input: CreateAssetInput!) {
    createAsset(input: $input) { asset { id } uploadUrl }
  }
`);

export const AssetState = graphql(`
  query AssetState($id: ID!) {
    asset(id: $id) { status byteSize checksum }
  }
`);

export const SubmitPrompt = graphql(`
  mutation SubmitPrompt($input: SubmitPromptInput!) {
    submitPrompt(input: $input) { prompt { id status } auditEventId }
  }
`);

export const FollowPrompt = graphql(`
  subscription FollowPrompt($id: ID!) {
    promptProgress(promptId: $id) {
      percentage
      steps { name status partialText }
      prompt { status }
    }
  }
`);

export const Outputs = graphql(`
  query Outputs($id: ID!, $first: Int = 10, $after: String) {
    prompt(id: $id) {
      outputs(first: $first, after: $after) {
        totalCount
        edges { node { id variation text viewerCan } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

export const SignOut = graphql(`
  mutation SignOut { signOut { auditEventId } }
`);
