/**
 * The POP3 client of maildrain, usable by itself (`maildrain/pop3`): RFC 1939, 2449, 2595, 5034, 6856, with exact bytes at any
 * boundary and replies that are never taken for another's.
 */
export { type Capabilities, NO_CAPABILITIES } from './capabilities.ts'
export { Pop3Client, type Pop3ClientIo, type RetrOptions, type TopOptions } from './client.ts'
export { type DiscoveredServer, type ResolveSrv, discoverPop3 } from './discovery.ts'
export {
  MECHANISMS,
  type Mechanism,
  type Pop3ClientOptions,
  type ResolvedPop3ClientOptions,
  TLS_VERSIONS,
  type TlsVersion,
  checkOptions,
  defaultPort,
  pop3ClientOptions,
} from './options.ts'
export { type Proxy, parseProxy } from './proxy.ts'
export type { SessionState } from './protocol.ts'
export { type AccessToken, type TokenProvider, checkToken } from './tokens.ts'
export {
  type ConnectTransport,
  type Pop3Clock,
  type Pop3Transport,
  type TlsSettings,
  type TransportEvents,
  type TransportTarget,
} from './transport.ts'
export type { ListedMessage, NumberedListing } from './window.ts'
