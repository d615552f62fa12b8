/**
 * The only file that loads `@kubernetes/client-node`: an optional peer dependency of about 70 packages.
 */

/**
 * The name is a variable, and `import()` has comments for bundlers, so that the client is not included in a bundle:
 * only a kubeconfig needs it. An application that needs the client in its bundle passes a KubeConfig object.
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
