/** What an operator may say to `attachments`. */
import { action, durationOf, globPattern, listOf, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'

/** What each signal is worth. */
const weights = z.strictObject({
  name: action
    .default(4)
    .describe('A file whose name is one of `names`: programs, and what starts them; in archives too'),
  type: action.default(5).describe('A program, a shortcut or a disk image by its octets, whatever it is called'),
  disguise: action
    .default(3)
    .describe(
      'A name that hides what it is: two endings (`bill.pdf.exe`), writing that is turned around, many blanks, other names in the same archive',
    ),
  encrypted: action.default(1.5).describe('An archive or a document that is encrypted: nobody has looked into it'),
  nested: action.default(1).describe('An archive within an archive'),
  macro: action.default(3).describe('A document of Office or LibreOffice with macros, those of Excel 4 too'),
  template: action
    .default(3)
    .describe('A document of Office or RTF that fetches a template or an object from elsewhere'),
  object: action.default(2.5).describe('A program or another object in a document: OLE packages, RTF objects'),
  pdf: action.default(2).describe('A PDF that runs scripts or starts programs, in compressed objects too'),
  script: action
    .default(3)
    .describe(
      'HTML or SVG that makes a file by itself, or runs a script; a cell or a field that starts a program (DDE)',
    ),
  unread: action
    .default(1)
    .describe('Not all of it was looked at: damaged, more than is looked at, or it took too long'),
})

const DANGEROUS = [
  ...'exe com scr pif cpl msi msp mst bat cmd ps1 psm1 psd1 ps1xml vb vbs vbe js jse mjs ws wsf wsc wsh sct hta jar jnlp lnk url'.split(
    ' ',
  ),
  ...'scf inf reg dll sys ocx drv msc gadget application appref-ms appx appxbundle msix settingcontent-ms library-ms search-ms'.split(
    ' ',
  ),
  ...'chm hlp iso img vhd vhdx udf one xll xlam wll ppam iqy slk rdp diagcab website theme deskthemepack ade adp mde accde'.split(
    ' ',
  ),
].map((ending) => `*.${ending}`)

/** The options of {@link attachments}. */
export const options = z.strictObject({
  weights: weights.prefault({}).describe('What each signal is worth'),
  names: listOf(globPattern)
    .default(DANGEROUS)
    .describe('Names of files that are not wanted: patterns, without regard to case'),
  time: durationOf({ min: 10, max: 60_000 })
    .prefault('120 ms')
    .describe(
      'How long the attachments of one message may be looked into, on a thread of their own: time of the processor',
    ),
  size: sizeOf({ min: 1024 })
    .prefault('20 MiB')
    .describe('Attachments that are larger are not looked into, nor more than that unpacked'),
  waiting: z
    .int()
    .positive()
    .default(100)
    .describe('Most messages that wait for the thread; the next ones are not looked into'),
})
