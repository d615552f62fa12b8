/**
 * The only file that loads `@kubernetes/client-node`: an optional peer dependency of about 70 packages.
 */

/**
 * Its name is a variable, and the comments of `import()` say the same to each bundler: the client is not put into a bundle,
 * since only a kubeconfig needs it. An application that wants it inside gives a KubeConfig object.
 */
const CLIENT_PACKAGE: string = '@kubernetes/client-node';

/** The advice for an application that cannot load the client. */
export const INSTALL_CLIENT: string =
  'Run `npm install @kubernetes/client-node`. A bundle does not contain it: install it beside the bundle, ' +
  'or give the option `kubeConfig` a KubeConfig object of your own import';

/** Loads the client (half a second, 90 MB). Rejects with the error of `import()`. */
export async function loadKubernetesClient(): Promise<typeof import('@kubernetes/client-node')> {
  return import(/* webpackIgnore: true */ /* @vite-ignore */ CLIENT_PACKAGE);
}
