/**
 * NativePackage: where the addon of this machine comes from. In the repository it is `#addon` (package.json,
 * "imports"); where the package was installed it is an optional dependency for each platform, of which an installer
 * brings the one that fits. Nothing is compiled or downloaded at install time, so what is missing is said here, with
 * what to do about it.
 * Elsewhere: which platforms are published (scripts/lib/pack/public-packages.mjs), loading (addon.ts).
 */
import { AddonError } from './errors.js'

export interface Machine {
  readonly platform: string
  readonly arch: string
  /** null: unknown, or a system that has only one. */
  readonly libc: 'gnu' | 'musl' | null
}

const GUIDE = 'docs/packages.md ("From source")'

/** What may be required for the addon, most likely first. Of two libcs an installer brings one package. */
export function addonNames(platform: string, arch: string): string[] {
  const base = `@slotwise/native-${platform}-${arch}`
  return ['#addon', ...platform === 'linux' ? [`${base}-gnu`, `${base}-musl`] : [base]]
}

/** The package for that machine. */
export function addonPackage({ platform, arch, libc }: Machine): string {
  return `@slotwise/native-${platform}-${arch}${platform === 'linux' ? `-${libc ?? 'gnu'}` : ''}`
}

/** Whether `error` says that there is no such package, and nothing worse. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_IMPORT_NOT_DEFINED'
}

/** No package has the addon. */
export function missingAddon(machine: Machine): AddonError {
  const name = addonPackage(machine)
  return new AddonError(
    `the native part of Slotwise for this machine is not installed: ${name} is missing. ` +
    'It is an optional dependency of @slotwise/engine: install again without --omit=optional (--no-optional), on this ' +
    'kind of machine, and not from a lockfile that leaves it out. If there is no such package for your platform, ' +
    `build it from source: ${GUIDE}.`,
  )
}

/** The addon is there, but the system refuses to load it: another libc, or one that is too old. */
export function brokenAddon(name: string, cause: unknown): AddonError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new AddonError(
    `the native part of Slotwise (${name}) cannot be loaded on this machine: ${why}. If the system is older than what ` +
    `it was built for, build it from source: ${GUIDE}.`, { cause },
  )
}
