/** The silent round trip at its strictest: pushed, by a client that signs, with bound tokens. */
import { KeyClient } from "../load/KeyClient.ts"
import { connections, type Step, type Workload } from "./Workload.ts"

export const signInByKey: Workload = {
  name: "sign-in-par-dpop",
  title: "Silent sign-in with PAR, DPoP and private_key_jwt: /par, /authorize, /token, /userinfo",
  connections,
  prepare: async (target, metadata, open) => {
    const steps: Array<Step> = []
    for (const connection of open) {
      const client = new KeyClient(target, metadata, connection)
      await client.begin()
      const step = () => client.signIn()
      steps.push(Object.assign(step, { makeAhead: (times: number) => client.makeAhead(times) }))
    }
    return steps
  }
}
