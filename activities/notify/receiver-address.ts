import { BlockList, isIP } from 'node:net'

/**
 * Whom a webhook may call. Receivers usually stand in the plant's own network, so loopback and private addresses are
 * allowed. Link-local addresses are not: there, and nowhere else, cloud machines serve their credentials
 * (169.254.169.254, fd00:ec2::254). Unspecified, multicast and broadcast addresses have no receiver.
 */
const refused = new BlockList()
refused.addSubnet('0.0.0.0', 8, 'ipv4')
refused.addSubnet('169.254.0.0', 16, 'ipv4')
refused.addSubnet('224.0.0.0', 3, 'ipv4')
refused.addAddress('::', 'ipv6')
refused.addSubnet('fe80::', 10, 'ipv6')
refused.addSubnet('ff00::', 8, 'ipv6')
refused.addAddress('fd00:ec2::254', 'ipv6')

/** Also sees through IPv4 addresses written as IPv6 (`::ffff:169.254.169.254`). */
export function mayBeCalled(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return false
  return !refused.check(address, family === 6 ? 'ipv6' : 'ipv4')
}
