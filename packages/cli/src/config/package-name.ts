import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Name of the package that a file belongs to; of a linked one too. The file itself when it belongs to none. */
export function packageOf(file: string): string {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const name = nameIn(folder)
    if (name !== undefined) return name
  }
  return file
}

function nameIn(folder: string): string | undefined {
  try {
    const { name }: { readonly name?: unknown } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined // there is none, or none that says: a folder above may have one
  }
}
