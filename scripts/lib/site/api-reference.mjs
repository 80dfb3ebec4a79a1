/**
 * The API reference: a page for each published package that programs import, from what tsc made of the sources' types
 * and docstrings. Methods are shown with the types that they have in their class: `Store` and `AsyncStore` share their
 * families of commands, and return a value or a promise of one.
 * Why not TypeDoc: it prints each inherited method once for each class, 280 kB for this library, and brings a theme, a
 * highlighter and a plugin of Markdown.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import ts from 'typescript'
import { inRoot } from '../repository.mjs'
import { commentText, docMarkdown, escaped, isInternal } from './doc-comment.mjs'

/** Folder -> the guide that explains it, and what a reader looks for first. */
export const documented = new Map([
  ['store', { guide: '../../docs/library.md', first: ['open', 'Store', 'AsyncStore'] }],
  ['member', { guide: '../../docs/member.md', first: ['join', 'Member'] }],
  ['http', { guide: '../../docs/http.md', first: ['createGateway', 'Gateway'] }],
  ['adapters', { guide: '../../docs/packages.md#adapters', first: [] }],
  ['binlog', { guide: '../../docs/following.md', first: ['follow', 'dryRun', 'readSource', 'followServer'] }],
])

/** Classes with more members than this have a heading for each; others are shown as they are declared. */
const MEMBERS_SHOWN_WHOLE = 8
const FORMAT = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope

/** @returns [{ file, title, text }] */
export function apiReference() {
  const packages = [...documented].map(([folder, about]) => {
    const manifest = JSON.parse(readFileSync(inRoot('packages', folder, 'package.json'), 'utf8'))
    const entries = Object.entries(manifest.exports).filter(([, target]) => target.types !== undefined)
      .map(([name, { types }]) => ({
        name: name === '.' ? manifest.name : `${manifest.name}${name.slice(1)}`,
        file: inRoot('packages', folder, types),
      }))
    return { folder, ...about, manifest, entries }
  })
  const program = programOf(packages.flatMap(({ entries }) => entries.map(({ file }) => file)))
  return packages.map(({ folder, guide, first, manifest, entries }) => {
    const page = new Page(program, inRoot('packages', folder), first)
    const text = [
      `---\noutline: [2, 3]\n---`, `# ${manifest.name}`, `${escaped(manifest.description)} [Guide](${guide})`,
      ...entries.flatMap((entry) => page.entry(entry, entries.length > 1)),
    ]
    return { file: `${folder}.md`, title: manifest.name, text: `${text.filter((block) => block !== '').join('\n\n')}\n` }
  })
}

function programOf(files) {
  return ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.esnext.collection.d.ts'], types: ['node'],
    typeRoots: [inRoot('node_modules', '@types')], skipLibCheck: true, strict: true, noEmit: true,
  })
}

class Page {
  #program
  #checker
  #folder
  #first
  /** Families of methods that have been shown, and where. */
  #shown = new Map()

  constructor(program, folder, first) {
    this.#program = program
    this.#checker = program.getTypeChecker()
    this.#folder = folder
    this.#first = first
  }

  /** What one import has. */
  entry({ name, file }, hasHeading) {
    const module = this.#checker.getSymbolAtLocation(this.#program.getSourceFile(file))
    if (module === undefined) throw new Error(`${file} exports nothing: is it built?`)
    const found = this.#checker.getExportsOfModule(module).map((symbol) => this.#exported(symbol))
      .filter((item) => item !== null)
    const imports = `\`import { ${found.map((item) => item.name).join(', ')} } from '${name}'\``
    const rank = (item) => {
      const at = this.#first.indexOf(item.name)
      return at >= 0 ? at : this.#first.length + ['function', 'class', 'type', 'error'].indexOf(item.kind)
    }
    const sorted = found.toSorted((one, other) => rank(one) - rank(other))
    return [...hasHeading ? [imports] : [], ...sorted.flatMap((item) => this.#show(item))]
  }

  #exported(symbol) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
    const declarations = (target.declarations ?? []).filter((node) => isOurs(node))
    const [declaration] = declarations
    if (declaration === undefined || ts.isSourceFile(declaration) || isInternal(docOf(declarations))) return null
    const kind = ts.isClassDeclaration(declaration)
      ? (symbol.name.endsWith('Error') ? 'error' : 'class')
      : ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration) ? 'type' : 'function'
    return { name: symbol.name, target, declarations, declaration, kind }
  }

  #show(item) {
    const { name, target, declarations, declaration, kind } = item
    const head = [`## ${name}`]
    if (kind === 'type') return [...head, docMarkdown(docOf(declarations)), code(declared(declaration))]
    if (kind === 'function') {
      const type = this.#checker.getTypeOfSymbolAtLocation(target, declaration)
      return [...head, code(this.#signatures(name, type, declaration)), docMarkdown(docOf(declarations))]
    }
    const members = this.#members(target, declaration)
    const own = members.filter(({ owner }) => owner === declaration)
    const isShort = kind === 'error' || own.length <= MEMBERS_SHOWN_WHOLE
    return [
      ...head, docMarkdown(classDocOf(declarations)),
      ...isShort ? [code(declared(declaration))] : own.flatMap((member) => this.#member(member)),
      ...this.#inherited(name, members, declaration),
    ]
  }

  /** Families that are classes of the package, but not exported; each once a page. */
  #inherited(name, members, declaration) {
    const lines = []
    const elsewhere = new Set()
    const others = members.filter(({ owner }) => owner !== declaration)
    for (const owner of new Set(others.map((member) => member.owner))) {
      const inherited = others.filter((member) => member.owner === owner)
      const family = basename(owner.getSourceFile().fileName, '.d.ts').replaceAll('-', ' ')
      const isHere = owner.getSourceFile().fileName.startsWith(this.#folder)
      if (!isHere || this.#shown.has(owner) || name.endsWith('Error')) {
        elsewhere.add(isHere ? family : owner.name.text)
        continue
      }
      this.#shown.set(owner, name)
      lines.push(`## ${name}: ${family}`, ...inherited.flatMap((member) => this.#member(member)))
    }
    if (elsewhere.size > 0 && !name.endsWith('Error'))
      lines.push(`${name} has these families too: ${[...elsewhere].join(', ')}.`)
    return lines
  }

  #members(target, declaration) {
    const instance = this.#checker.getPropertiesOfType(this.#checker.getDeclaredTypeOfSymbol(target))
    const statics = this.#checker.getPropertiesOfType(this.#checker.getTypeOfSymbolAtLocation(target, declaration))
      .filter(({ name }) => name !== 'prototype')
    const toMember = (isStatic) => (symbol) => {
      const declarations = (symbol.declarations ?? [])
        .filter((node) => isOurs(node) && ts.isClassDeclaration(node.parent))
      const [first] = declarations
      if (first === undefined || isHidden(first) || isInternal(docOf(declarations))) return []
      const type = this.#checker.getTypeOfSymbolAtLocation(symbol, declaration)
      return [{ name: nameOf(symbol, first), declarations, owner: first.parent, type, isStatic, at: declaration }]
    }
    return [...statics.flatMap(toMember(true)), ...instance.flatMap(toMember(false))]
  }

  #member({ name, declarations, owner, type, isStatic, at }) {
    const shown = isStatic ? `${owner.name.text}.${name}` : name
    return [`### ${shown.replaceAll(/[[\]]/g, '\\$&')}`, code(this.#signatures(shown, type, at, declarations[0])), docMarkdown(docOf(declarations))]
  }

  #signatures(name, type, at, declaration) {
    const calls = type.getCallSignatures()
    if (calls.length > 0) {
      return calls.map((call) => `${name}${this.#checker.signatureToString(call, at, FORMAT)}`).join('\n')
    }
    const isReadonly = declaration !== undefined &&
      (ts.isGetAccessor(declaration) || (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Readonly) !== 0)
    return `${isReadonly ? 'readonly ' : ''}${name}: ${this.#checker.typeToString(type, at, FORMAT)}`
  }
}

const isOurs = (node) => node.getSourceFile().fileName.startsWith(inRoot('packages') + '/')
const HIDDEN = ts.ModifierFlags.Private | ts.ModifierFlags.Protected
const isHidden = (node) => (ts.getCombinedModifierFlags(node) & HIDDEN) !== 0 ||
  (node.name !== undefined && ts.isPrivateIdentifier(node.name))

/** A well-known symbol's name as it is written. */
const nameOf = (symbol, node) =>
  node.name !== undefined && ts.isComputedPropertyName(node.name) ? node.name.getText() : symbol.name

function docOf(declarations) {
  for (const declaration of declarations) {
    const holder = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
    const comment = holder.jsDoc?.at(-1)
    if (comment !== undefined) return commentText(comment.getText())
  }
  return ''
}

/** A class that is all of its file is explained at the file's head, which ends with where other things are. */
function classDocOf(declarations) {
  const own = docOf(declarations)
  const source = declarations[0].getSourceFile()
  const [head] = ts.getLeadingCommentRanges(source.text, 0) ?? []
  if (own !== '' || head === undefined) return own
  const text = commentText(source.text.slice(head.pos, head.end)).replace(/\s+Elsewhere: .*$/s, '')
  const [name] = /^\w+: /.exec(text) ?? []
  return name === `${declarations[0].name.text}: ` ? `${text[name.length].toUpperCase()}${text.slice(name.length + 1)}` : own
}

const code = (text) => `\`\`\`ts\n${text}\n\`\`\``

/** As it stands in the types, without what nobody outside can use. */
function declared(node) {
  const lines = node.getText().replace(/^export (declare )?/, '').split('\n')
  return lines.filter((line) => !/^\s*#private;$/.test(line)).join('\n')
    .replaceAll(/^ *\/\*\*(?:(?!\*\/)[\s\S])*@internal[\s\S]*?\*\/\n.*\n/gm, '')
    .replaceAll('    ', '  ')
}
