/** How this program's side of a connection to storage shows and checks certificates. */
import type { Config } from '../config';
import type { ClientTls } from '../store/grpc-connection';

/** What the gateway shows and asks for on the way to storage; undefined: no TLS, which a unix socket never has. */
export function storageTlsOf(config: Config, address: string): ClientTls | undefined {
  const {
    NORIGATE_STORAGE_TLS_CA: caFile,
    NORIGATE_STORAGE_TLS_CERT: certFile,
    NORIGATE_STORAGE_TLS_KEY: keyFile,
  } = config;
  if (caFile === undefined || address.startsWith('unix:')) return undefined;
  return certFile === undefined || keyFile === undefined ? { caFile } : { caFile, certFile, keyFile };
}
