/**
 * From the folder of a mount down to one object, folder by folder, each opened in the one before without following a
 * link. A link is read as text and walked like any path, from the top: so what it leads to is decided as anything else
 * is, and nothing that is swapped meanwhile can lead out.
 */
import type { BigIntStats } from 'node:fs';
import { codeOf, FileFailure } from './failure.ts';
import { ledOut, type Root } from './mounts.ts';
import { stepThrough } from './path.ts';
import { release, type System } from './system.ts';

/** Links that one path may lead through. */
const mostLinks = 40;

/** The object at the end of a path, or the place where it would be. Open until it is disposed. */
export class Place implements Disposable {
  readonly root: Root;
  /** From the root; the last is the name of the object in `folder`, and no link leads here. */
  readonly names: readonly string[];
  /** The folder that holds it; for the root of a mount, the root itself. */
  readonly folder: number;
  /** Names the object; undefined if there is none. */
  readonly object: { readonly descriptor: number; readonly stats: BigIntStats } | undefined;

  constructor(root: Root, names: readonly string[], folder: number, object: Place['object']) {
    this.root = root;
    this.names = names;
    this.folder = folder;
    this.object = object;
  }

  /** Empty for the root of a mount. */
  get name(): string {
    return this.names.at(-1) ?? '';
  }

  get path(): string {
    return this.root.guestPath(this.names);
  }

  get real(): string {
    return this.root.realPath(this.names);
  }

  [Symbol.dispose](): void {
    if (this.object !== undefined && this.object.descriptor !== this.folder) release(this.object.descriptor);
    if (this.folder !== this.root.descriptor) release(this.folder);
  }
}

/**
 * @param names from the root, normalised
 * @param follow whether a link at the end is followed too
 * @param linked told of the names that links came to, before anything there is looked at
 * @throws FileFailure, or what the system says
 */
export async function walk(system: System, root: Root, names: readonly string[], follow: boolean, linked: (names: readonly string[]) => void): Promise<Place> {
  let way = names;
  for (let links = 0; links <= mostLinks; links++) {
    root.demandOrdinaryWay(way);
    const outcome = await step(system, root, way, follow);
    if (outcome instanceof Place) return outcome;
    way = lead(root, way, outcome);
    linked(way);
  }
  throw new FileFailure('ELOOP');
}

/** A link that stands at this place of a way. */
interface Link {
  readonly place: number;
  readonly target: string;
}

async function step(system: System, root: Root, names: readonly string[], follow: boolean): Promise<Place | Link> {
  let folder = root.descriptor;
  try {
    for (const [place, name] of names.slice(0, -1).entries()) {
      const below = await openFolder(system, folder, name);
      if (typeof below === 'string') return { place, target: below };
      if (folder !== root.descriptor) release(folder);
      folder = below;
    }
    const end = await openEnd(system, root, folder, names);
    if (end?.stats.isSymbolicLink() && follow) {
      release(end.descriptor);
      return { place: names.length - 1, target: await system.target(folder, names.at(-1) as string) };
    }
    const place = new Place(root, names, folder, end);
    folder = root.descriptor;
    return place;
  } finally {
    if (folder !== root.descriptor) release(folder);
  }
}

/** The folder of this name, or where the link leads that has it. */
async function openFolder(system: System, folder: number, name: string): Promise<number | string> {
  try {
    return await system.folder(folder, name);
  } catch (error) {
    if (codeOf(error) !== 'ENOTDIR') throw error;
    try {
      return await system.target(folder, name);
    } catch {
      throw error;
    }
  }
}

async function openEnd(system: System, root: Root, folder: number, names: readonly string[]): Promise<Place['object']> {
  const name = names.at(-1);
  let descriptor = folder;
  try {
    if (name !== undefined) descriptor = await system.node(folder, name);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await root.demandOrdinary(system, folder, (await system.stat(folder)).dev);
    return undefined;
  }
  try {
    const stats = await system.stat(descriptor);
    await root.demandOrdinary(system, descriptor, stats.dev);
    return { descriptor, stats };
  } catch (error) {
    if (descriptor !== folder) release(descriptor);
    throw error;
  }
}

/** The way that a link makes of this one. */
function lead(root: Root, way: readonly string[], { place, target }: Link): readonly string[] {
  const outside = (): never => {
    throw ledOut();
  };
  const names = target.startsWith('/') ? [] : way.slice(0, place);
  stepThrough(names, target.startsWith('/') ? below(root.real, target, outside) : target, outside);
  return [...names, ...way.slice(place + 1)];
}

/** What is left of an absolute path of the host below a folder of the host, by its text: what lies outside is never looked at. */
function below(real: string, target: string, outside: () => never): string {
  const names: string[] = [];
  stepThrough(names, target, () => undefined);
  const path = `/${names.join('/')}`;
  if (real === '/') return path;
  if (path !== real && !path.startsWith(`${real}/`)) outside();
  return path.slice(real.length);
}
