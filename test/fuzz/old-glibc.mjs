/**
 * The addon of Jazzer.js is built for glibc 2.38 (Debian 13, Ubuntu 24.04). It takes three functions
 * from it that an older one has by other names. Here the addon gets these functions from a library of
 * its own, so that it also runs on Debian 12.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEEDED = { GLIBC: [2, 38], names: ['GLIBC_2.38', 'GLIBCXX_3.4.32'] };

const FUNCTIONS = `
#include <cstdlib>
#include <iostream>
extern "C" long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
extern "C" unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
namespace std { void ios_base_library_init() {} }
`;

function isOld() {
  const version = process.report.getReport().header.glibcVersionRuntime;
  if (version === undefined) return false;
  const [major, minor] = version.split('.').map(Number);
  return major < NEEDED.GLIBC[0] || (major === NEEDED.GLIBC[0] && minor < NEEDED.GLIBC[1]);
}

/** The type of a section with the versions of other libraries that a file needs (ELF gABI). */
const SHT_GNU_VERNEED = 0x6ffffffe;
/** A missing version with this flag is no error. */
const VER_FLG_WEAK = 2;

/**
 * Marks the versions in a 64-bit ELF file as not required. Another run may have loaded the file: to write
 * into it would end that run by SIGBUS or SIGSEGV, so a new file takes its place.
 */
function weaken(file, names) {
  const bytes = readFileSync(file);
  let isChanged = false;
  const sectionsAt = Number(bytes.readBigUInt64LE(0x28));
  const section = (i) => sectionsAt + 64 * i;
  const offsetOf = (i) => Number(bytes.readBigUInt64LE(section(i) + 0x18));
  const textAt = (at) => bytes.toString('latin1', at, bytes.indexOf(0, at));
  for (let i = 0; i < bytes.readUInt16LE(0x3c); i++) {
    if (bytes.readUInt32LE(section(i) + 4) !== SHT_GNU_VERNEED) continue;
    const namesAt = offsetOf(bytes.readUInt32LE(section(i) + 0x28));
    for (let library = offsetOf(i), next = 1; next > 0; library += next) {
      next = bytes.readUInt32LE(library + 12);
      let version = library + bytes.readUInt32LE(library + 8);
      for (let count = bytes.readUInt16LE(library + 2); count > 0; count--) {
        if (names.includes(textAt(namesAt + bytes.readUInt32LE(version + 8)))) {
          isChanged ||= bytes.readUInt16LE(version + 4) !== VER_FLG_WEAK;
          bytes.writeUInt16LE(VER_FLG_WEAK, version + 4);
        }
        version += bytes.readUInt32LE(version + 12);
      }
    }
  }
  if (!isChanged) return;
  writeFileSync(`${file}.${process.pid}`, bytes);
  renameSync(`${file}.${process.pid}`, file);
}

/**
 * Returns the environment in which the addon can be loaded.
 *
 * @param {string} modules the folder of the installed packages
 * @param {string} folder for the library
 */
export function environmentOf(modules, folder) {
  if (process.platform !== 'linux' || !isOld()) return {};
  weaken(
    join(modules, `@jazzer.js/fuzzer/prebuilds/fuzzer-linux-${process.arch}.node`),
    NEEDED.names,
  );
  mkdirSync(folder, { recursive: true });
  const library = join(folder, 'glibc-2.38.so');
  if (!existsSync(library)) {
    const own = `${library}.${process.pid}`;
    execFileSync('c++', ['-shared', '-fPIC', '-x', 'c++', '-', '-o', own], { input: FUNCTIONS });
    renameSync(own, library);
  }
  return { LD_PRELOAD: library };
}
