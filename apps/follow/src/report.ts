/** A dry run's report as text: what does not fit, or what would be written for some rows. */
import type { DryRunReport } from '@slotwise/binlog'

const WORD_MAX = 80

export function printReport({ facts, problems, tables }: DryRunReport): string {
  const lines = [`${facts.flavour} ${facts.version}, server ${facts.server}, binlog_format ${facts.binlogFormat}, binlog_row_image ${facts.rowImage}, ` +
    `binlog_row_metadata ${facts.rowMetadata === '' ? 'unknown' : facts.rowMetadata}${facts.hasGtids ? '' : ', no GTIDs'}`]
  if (problems.length > 0) lines.push('The mapping does not fit:', ...problems.map((problem) => `  ${problem}`))
  for (const { table, rows, samples, problem } of tables) {
    lines.push(`${table}: about ${rows} rows`)
    for (const commands of samples) {
      if (commands.length === 0) lines.push('  (a row that the mapping leaves out)')
      for (const command of commands) lines.push(`  ${command.map(shown).join(' ')}`)
    }
    if (problem !== null) lines.push(`  ${problem}`)
  }
  return `${lines.join('\n')}\n`
}

/** Text as it is, bytes in hexadecimal, neither at length. */
function shown(word: string | Uint8Array): string {
  const text = typeof word === 'string' ? word : `x'${Buffer.from(word).toString('hex')}'`
  const short = text.length > WORD_MAX ? `${text.slice(0, WORD_MAX)}…` : text
  return /^[^\s"\\\x00-\x1f]+$/.test(short) ? short : JSON.stringify(short)
}
