/**
 * Writes the manifests of `deploy/` from the objects that `lease-elector manifests` prints: `npm run manifests`.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { admissionPolicy, installation, type Manifest, manifestText } from '../src/command/installation.ts';
import { writeYaml } from '../src/runtime/yaml-text.ts';

/** The values in the files. Overlays change them. */
const SETTINGS = { name: 'app', namespace: 'default', image: 'app:latest', lease: 'app' };

function kustomization(remark: string, head: object, manifests: readonly Manifest[]): readonly [string, string] {
  const [{ file } = { file: '' }] = manifests;
  const resources = manifests.map((manifest) => path.posix.basename(manifest.file));
  return [
    path.posix.join(path.posix.dirname(file), 'kustomization.yaml'),
    `# ${remark}\n${writeYaml({ ...head, resources })}`,
  ];
}

/** The text of each generated file, by its path in `deploy/`. */
export function deployFiles(): ReadonlyMap<string, string> {
  const base = installation(SETTINGS);
  const policy = admissionPolicy(SETTINGS);
  return new Map([
    ...[...base, ...policy].map((manifest) => [manifest.file, manifestText(manifest)] as const),
    kustomization(
      'Everything that an application with an elector needs. Name it in the resources of a kustomization of your own.',
      { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
      base,
    ),
    kustomization(
      'Off by default: name it in the components of a kustomization. Set name, namespace and Lease in it first.',
      { apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind: 'Component' },
      policy,
    ),
  ]);
}

if (import.meta.main) {
  const directory = fileURLToPath(new URL('../deploy/', import.meta.url));
  for (const [file, text] of deployFiles()) {
    mkdirSync(path.join(directory, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(directory, file), text);
  }
}
