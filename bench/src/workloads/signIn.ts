/** The round trip that most sign-ins are: session and consent are there, nobody sees a page. */
import { Browser } from "../load/Browser.ts"
import { client } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"

export const signIn: Workload = {
  name: "sign-in",
  title: "Silent sign-in: /authorize, /token, /userinfo",
  connections,
  prepare: async (target, metadata, open) => {
    const steps = []
    for (const connection of open) {
      const browser = new Browser(target, metadata, connection)
      await browser.authorize(client.scope)
      const request = browser.silentRequest()
      steps.push(() => browser.signIn(request))
    }
    return steps
  }
}
