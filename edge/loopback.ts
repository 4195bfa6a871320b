/** The host of `HOST:PORT`, without the brackets of an IPv6 address; a port is not needed. */
export const hostOf = (address: string): string => (/^\[(.*)\]/.exec(address)?.[1] ?? address.replace(/:\d+$/, ''))

/** Whether only this machine can be meant: an address of its own loopback, or its name. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host)
