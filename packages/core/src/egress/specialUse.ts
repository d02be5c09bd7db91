/**
 * Addresses that are not for the public internet: RFC 6890 and the IANA special-purpose registries. A request that a
 * stranger's URL causes must never reach one of them.
 */
import { Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"

const networks = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3"
].map((network) => IpNetwork.fromStringUnsafe(network))

/** Of IPv6 only global unicast is taken at all, and of that not what embeds or tunnels IPv4, documents or benchmarks. */
const globalUnicast = IpNetwork.fromStringUnsafe("2000::/3")
const notGlobal = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16"].map((network) =>
  IpNetwork.fromStringUnsafe(network)
)

/** Whether the address, in text, is special-use; text that is no address counts as such. */
export const isSpecialUse = (text: string): boolean => {
  const parsed = NetAddress.ipFromString(text)
  if (Result.isFailure(parsed)) return true
  const address = parsed.success
  if (NetAddress.isIpv4Address(address)) return networks.some((network) => IpNetwork.contains(network, address))
  return (
    !IpNetwork.contains(globalUnicast, address) || notGlobal.some((network) => IpNetwork.contains(network, address))
  )
}
