// How a Relay application uses the API: a list walked both ways, refetched by node(id:), changed and followed.
import { graphql } from 'relay-runtime';

export const page = graphql`
  query projectsPageQuery($count: Int = 2, $cursor: String) {
    viewer { kind }
    ...projectsList @arguments(count: $count, cursor: $cursor)
  }
`;

export const list = graphql`
  fragment projectsList on Query
  @argumentDefinitions(
    count: { type: "Int" }
    cursor: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
  )
  @refetchable(queryName: "projectsListPaginationQuery") {
    projects(first: $count, after: $cursor, last: $last, before: $before) @connection(key: "projectsList_projects") {
      totalCount
      edges { node { id name viewerCan ...projectsAssets } }
    }
  }
`;

export const assets = graphql`
  fragment projectsAssets on Project
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "projectsAssetsPaginationQuery") {
    assets(first: $count, after: $cursor) @connection(key: "projectsAssets_assets") {
      edges { node { id title status } }
    }
  }
`;

export const rename = graphql`
  mutation projectsRenameMutation($input: UpdateProjectInput!) {
    updateProject(input: $input) { project { id name } auditEventId }
  }
`;

export const follow = graphql`
  subscription projectsFollowSubscription($id: ID!) {
    promptProgress(promptId: $id) { percentage prompt { id status } }
  }
`;
