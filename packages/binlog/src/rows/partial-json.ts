/**
 * PartialJson: a JSON column of which an update tells only the changes, and whose document before is not in the row
 * (binlog_row_image MINIMAL with PARTIAL_JSON). Who holds the document can apply them.
 */
import type { JsonDiff } from '../json/json-diff.js'

export class PartialJson {
  /** In this order. */
  readonly diffs: readonly JsonDiff[]
  constructor(diffs: readonly JsonDiff[]) { this.diffs = diffs }
}
