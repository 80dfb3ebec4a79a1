/**
 * A docstring as Markdown: its sentences as they are, its tags as a list, its indented examples as code. Pure.
 * Nothing of it may look like a component or an interpolation to the site, which compiles pages to Vue.
 */
const TAG = /(?:^|(?<=\s))@(param|returns|throws|default|deprecated|internal)\b[ \n]*/

/** Raw `/** ... *\/` -> its text. */
export const commentText = (raw) => raw.replace(/^\/\*\*[ \t]?/, '').replace(/[ \t]*\*\/$/, '')
  .split('\n').map((line) => line.replace(/^[ \t]*\* ?/, '').trimEnd()).join('\n').trim()

export const isInternal = (text) => /(?:^|\s)@internal\b/.test(text)

/** @returns lines of Markdown, separated by an empty one where the text has one */
export function docMarkdown(text) {
  const blocks = []
  for (const paragraph of text.split(/\n{2,}/)) {
    if (/^ {4}/.test(paragraph)) blocks.push(`\`\`\`ts\n${paragraph.replaceAll(/^ {4}/gm, '')}\n\`\`\``)
    else blocks.push(...paragraphBlocks(paragraph))
  }
  return blocks.filter((block) => block !== '').join('\n\n')
}

function paragraphBlocks(paragraph) {
  const [lead, ...rest] = paragraph.split(TAG)
  const sentences = [prose(lead)]
  const items = []
  for (let i = 0; i < rest.length; i += 2) {
    const [tag, body] = [rest[i], oneLine(rest[i + 1])]
    if (tag === 'param') items.push(parameter(body))
    else if (tag === 'returns') items.push(`returns ${escaped(body)}`)
    else if (tag === 'throws') items.push(`throws ${escaped(errorNames(body))}`)
    else if (tag === 'deprecated') items.push(`deprecated: ${escaped(body)}`)
    else if (tag === 'default') {
      const text = `default: ${escaped(body)}`
      if (items.length > 0) items.push(`${items.pop().replace(/\.$/, '')}; ${text}`)
      else sentences.push(`${text[0].toUpperCase()}${text.slice(1)}.`)
    }
  }
  return [sentences.join(' ').trim(), items.map((item) => `- ${item}`).join('\n')]
}

function parameter(body) {
  const [, name, rest] = /^(\S+)\s*(.*)$/s.exec(body) ?? [undefined, body, '']
  return rest === '' ? `\`${name}\`` : `\`${name}\`: ${escaped(rest)}`
}

const errorNames = (body) => body.replaceAll(/\{([A-Z][\w |]*)\}/g, '`$1`')
const oneLine = (text) => text.replaceAll(/\s*\n\s*/g, ' ').trim()
const prose = (text) => escaped(text.trim())

/** Outside of code: no tags, no interpolation, no emphasis that was not meant. */
export const escaped = (text) => text.split(/(`[^`]*`)/).map((part, index) => index % 2 === 1
  ? part
  : part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('{{', '&#123;&#123;').replaceAll('*', '\\*')).join('')
