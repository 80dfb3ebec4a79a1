/**
 * A place in a source's stream between two transactions: file and position, which mean something on one server only,
 * and the GTIDs of everything before, which mean the same on all of them. Kept by the follower and given back to go on.
 */
import { MariadbGtidPosition } from '../gtid/mariadb-gtid-position.js'
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import type { Flavour } from '../events/event-types.js'

/** As it is stored: plain data. */
export interface SourcePosition {
  readonly flavour: Flavour
  /** Which server `file` and `position` are of: server_uuid (MySQL), `id:` and server_id (MariaDB). '' if not known. */
  readonly server: string
  readonly file: string
  readonly position: number
  /**
   * A GTID set (MySQL), the last of each domain (MariaDB); '' if they are not known: then only this server can go on.
   */
  readonly gtids: string
}

/** The position of a stream under way. */
export class StreamPosition {
  readonly flavour: Flavour
  readonly server: string
  file: string
  position: number
  readonly mysql: MysqlGtidSet
  readonly mariadb: MariadbGtidPosition
  /** Do the GTIDs say everything before? Not for a stream begun by file, until the head of a file tells. */
  gtidsKnown: boolean

  constructor(start: SourcePosition) {
    this.flavour = start.flavour
    this.server = start.server
    this.gtidsKnown = start.gtids !== '' || start.file === ''
    this.file = start.file
    this.position = start.position
    this.mysql = start.flavour === 'mysql' ? MysqlGtidSet.parse(start.gtids) : new MysqlGtidSet()
    this.mariadb = start.flavour === 'mariadb' ? MariadbGtidPosition.parse(start.gtids) : new MariadbGtidPosition()
  }

  snapshot(): SourcePosition {
    const gtids = !this.gtidsKnown ? '' : this.flavour === 'mysql' ? this.mysql.toString() : this.mariadb.toString()
    return { flavour: this.flavour, server: this.server, file: this.file, position: this.position, gtids }
  }
}
