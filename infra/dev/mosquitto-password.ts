import { pbkdf2Sync, randomBytes } from 'node:crypto'

/**
 * A line of mosquitto 2's password file: `user:$7$iterations$salt$hash`, PBKDF2 with SHA-512. Written here because
 * `mosquitto_passwd` takes the password on its command line, where other users of the machine can read it.
 */
export function mosquittoPasswordLine(user: string, password: string, salt: Buffer = randomBytes(12)): string {
  const iterations = 101
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512')
  return `${user}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}`
}
