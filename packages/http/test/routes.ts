/** Every route below an issuer, as the outside sees it. */
export interface Route {
  readonly path: `/${string}`
  readonly methods: ReadonlyArray<string>
  /** Whether scripts of other origins may call it. */
  readonly crossOrigin: boolean
  /** What it answers to bad input: JSON to programs, a page to people. */
  readonly speaks: "json" | "html"
}

export const routes: ReadonlyArray<Route> = [
  { path: "/authorize", methods: ["GET", "POST"], crossOrigin: false, speaks: "html" },
  { path: "/interaction/an-interaction", methods: ["GET", "POST"], crossOrigin: false, speaks: "html" },
  { path: "/par", methods: ["POST"], crossOrigin: true, speaks: "json" },
  { path: "/token", methods: ["POST"], crossOrigin: true, speaks: "json" },
  { path: "/revoke", methods: ["POST"], crossOrigin: true, speaks: "json" },
  { path: "/introspect", methods: ["POST"], crossOrigin: false, speaks: "json" },
  { path: "/userinfo", methods: ["GET", "POST"], crossOrigin: true, speaks: "json" },
  { path: "/jwks", methods: ["GET"], crossOrigin: true, speaks: "json" },
  { path: "/.well-known/openid-configuration", methods: ["GET"], crossOrigin: true, speaks: "json" },
  { path: "/.well-known/oauth-authorization-server", methods: ["GET"], crossOrigin: true, speaks: "json" }
]

export const posts = routes.filter((route) => route.methods.includes("POST"))

/** The routes that read their parameters from a form, and from nothing else. */
export const forms = posts.filter((route) => route.path !== "/userinfo")
