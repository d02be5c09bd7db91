/** Neither ships types; this is what the contenders use of them. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http"

  interface Grant {
    addOIDCScope(scope: string): void
    save(): Promise<string>
  }

  export class Provider {
    constructor(issuer: string, configuration: object)
    readonly Grant: {
      new (properties: object): Grant
      find(id: string): Promise<Grant>
    }
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    interactionDetails(
      request: IncomingMessage,
      response: ServerResponse
    ): Promise<{ readonly grantId: string | undefined; readonly params: { readonly client_id: string } }>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: object,
      options: object
    ): Promise<void>
  }
}

declare module "pg" {
  export class Pool {
    constructor(options: { readonly connectionString: string; readonly max: number })
    query(
      query: string | { readonly name: string; readonly text: string; readonly values: ReadonlyArray<unknown> }
    ): Promise<{ readonly rows: Array<any> }>
    end(): Promise<void>
  }
}
