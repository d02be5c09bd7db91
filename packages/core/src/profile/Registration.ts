/** What of a client's registration rules look at: RFC 7591 §2. */
import type { Schema } from "effect"
import type { SigningAlgorithm } from "../oauth/Metadata.ts"

export interface Registration {
  readonly clientId: string
  readonly redirectUris: ReadonlyArray<string>
  readonly grantTypes: ReadonlyArray<string>
  readonly responseTypes: ReadonlyArray<string>
  readonly tokenEndpointAuthMethod: string
  readonly applicationType: "web" | "native"
  readonly idTokenSignedResponseAlg: SigningAlgorithm
  readonly dangerouslyAllowNoPkce: boolean
  readonly dangerouslyAllowEndpointAudience: boolean
  readonly metadata: Readonly<Record<string, Schema.Json>>
}

/** A metadata field as it was registered, or undefined. */
export const metadataOf = ({ metadata }: Pick<Registration, "metadata">, name: string): Schema.Json | undefined =>
  Object.hasOwn(metadata, name) ? metadata[name] : undefined

/** A metadata field that holds texts; none when it holds anything else. */
export const textsOf = (client: Pick<Registration, "metadata">, name: string): ReadonlyArray<string> => {
  const value = metadataOf(client, name)
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : []
}
