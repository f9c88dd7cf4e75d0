/** All cells of the matrix. */
import type { Cell } from './cell.ts'
import { ADDRESS_CELLS, MX_CELLS } from './cells-dns.ts'
import { SERVER_CELLS } from './cells-server.ts'
import { TLSA_CELLS } from './cells-tlsa.ts'

/** In the order of the way: MX, address, records and certificates, server. */
export const CELLS: readonly Cell[] = [...MX_CELLS, ...ADDRESS_CELLS, ...TLSA_CELLS, ...SERVER_CELLS]
