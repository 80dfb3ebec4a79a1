/**
 * Character sets: which one a collation belongs to, and text from its bytes. A set that cannot be decoded is an error
 * for the column that has it, never mojibake.
 * MySQL's `latin1` is Windows-1252 and its `utf8` UTF-8. Node's own decoder took windows-1252 for latin1 in some
 * versions, hence ours.
 * Source: MySQL and MariaDB documentation, character sets; collation ids as both servers list them.
 */

/** Text of buf[start..end). */
export type TextDecode = (buf: Buffer, start: number, end: number) => string

/**
 * Ids below 1024. In MariaDB id + 1024 is the NO PAD form of a collation, and 2048 to 3327 are the uca1400 families.
 */
const COLLATIONS: Readonly<Record<string, readonly (number | readonly [number, number])[]>> = {
  big5: [1, 84], latin2: [2, 9, 21, 27, 77], dec8: [3, 69], cp850: [4, 80], latin1: [5, 8, 15, 31, [47, 49], 94],
  hp8: [6, 72],
  koi8r: [7, 74], swe7: [10, 82], ascii: [11, 65], ujis: [12, 91], sjis: [13, 88], cp1251: [14, 23, [50, 52]],
  hebrew: [16, 71],
  tis620: [18, 89], euckr: [19, 85], latin7: [20, 41, 42, 79], koi8u: [22, 75], gb2312: [24, 86], greek: [25, 70],
  cp1250: [26, 34, 44, 66, 99], gbk: [28, 87], cp1257: [29, 58, 59], latin5: [30, 78], armscii8: [32, 64],
  utf8mb3: [33, 76, 83, [192, 215], 223, [576, 607]], utf8mb4: [45, 46, [224, 247], [255, 323], [608, 639]],
  ucs2: [35, 90, [128, 151], 159, [640, 671]], cp866: [36, 68], keybcs2: [37, 73], macce: [38, 43], macroman: [39, 53],
  cp852: [40, 81], utf16: [54, 55, [101, 124], [672, 703]], utf16le: [56, 62], cp1256: [57, 67],
  utf32: [60, 61, [160, 183], [736, 767]], binary: [63], geostd8: [92, 93], cp932: [95, 96], eucjpms: [97, 98],
  gb18030: [[248, 250]],
}

const byId = new Map<number, string>()
for (const [charset, ids] of Object.entries(COLLATIONS)) {
  for (const id of ids) {
    const [first, last] = typeof id === 'number' ? [id, id] : id
    for (let each = first; each <= last; each++) byId.set(each, charset)
  }
}

const NO_PAD = 1024
const UCA1400 = 2048
const UCA1400_FAMILY = 256
const UCA1400_CHARSETS = ['utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf32']

/** The character set of a collation id; null if it is unknown. */
export function charsetOfCollation(id: number): string | null {
  if (id >= UCA1400) return UCA1400_CHARSETS[Math.floor((id - UCA1400) / UCA1400_FAMILY)] ?? null
  return byId.get(id >= NO_PAD ? id - NO_PAD : id) ?? null
}

/** Labels of the WHATWG encoding standard, for what Node decodes. */
const LABELS: Readonly<Record<string, string>> = {
  big5: 'big5', latin2: 'iso-8859-2', koi8r: 'koi8-r', koi8u: 'koi8-u', ujis: 'euc-jp', eucjpms: 'euc-jp', sjis: 'shift_jis',
  cp932: 'shift_jis', cp1250: 'windows-1250', cp1251: 'windows-1251', cp1256: 'windows-1256', cp1257: 'windows-1257',
  hebrew: 'iso-8859-8', tis620: 'windows-874', euckr: 'euc-kr', latin7: 'iso-8859-13', gb2312: 'gbk', gbk: 'gbk',
  gb18030: 'gb18030', greek: 'iso-8859-7', latin5: 'windows-1254', cp866: 'ibm866', macroman: 'macintosh',
  ucs2: 'utf-16be', utf16: 'utf-16be', utf16le: 'utf-16le',
}

const decoders = new Map<string, TextDecode | null>()

/** How text of this character set is decoded; null if that is not known here ('binary' is no text either). */
export function textDecoderOf(charset: string): TextDecode | null {
  let decode = decoders.get(charset)
  if (decode === undefined) {
    decode = makeDecoder(charset)
    decoders.set(charset, decode)
  }
  return decode
}

function makeDecoder(charset: string): TextDecode | null {
  switch (charset) {
    case 'utf8': case 'utf8mb3': case 'utf8mb4': return utf8
    case 'ascii': case 'latin1': return latin1
    case 'utf32': return utf32
    default: {
      const label = LABELS[charset]
      if (label === undefined) return null
      try {
        const decoder = new TextDecoder(label)
        return (buf, start, end) => decoder.decode(buf.subarray(start, end))
      } catch {
        return null // a Node without full ICU
      }
    }
  }
}

/** `toString` without its checks of arguments. */
interface Slices { utf8Slice(start: number, end: number): string; latin1Slice(start: number, end: number): string }

export const utf8: TextDecode = (buf, start, end) => (buf as Buffer & Slices).utf8Slice(start, end)

/** Of 0x80 to 0x9f, where Windows-1252 is not ISO 8859-1; the five holes are what MySQL makes of them: themselves. */
const WINDOWS_1252 = '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178'

const latin1: TextDecode = (buf, start, end) => {
  const text = (buf as Buffer & Slices).latin1Slice(start, end)
  for (let at = start; at < end; at++) {
    if ((buf[at]! & 0xe0) === 0x80) return text.replace(/[\u0080-\u009f]/g, (char) => WINDOWS_1252[char.charCodeAt(0) - 0x80]!)
  }
  return text
}

const utf32: TextDecode = (buf, start, end) => {
  let text = ''
  for (let at = start; at + 4 <= end; at += 4) {
    const code = buf.readUInt32BE(at)
    text += code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code)
  }
  return text
}
