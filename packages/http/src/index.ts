/** @slotwise/http: Redis commands as HTTP requests. See README.md and docs/http.md. */
export { createGateway, type Gateway, type GatewayListenOptions } from './gateway.js'
export type { EnginePlace, GatewayLimits, GatewayLogger, GatewayOptions } from './gateway-options.js'
export { type FromGateway, GatewayThread, type GatewayThreadOptions } from './gateway-thread.js'
export { parseTokenFile, type TokenRule } from './tokens.js'
