/**
 * How the client is built: a script, a stylesheet and an icon to join with, and parts that are fetched later. Owns no behaviour
 * of the client.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import solid from 'vite-plugin-solid';

/**
 * Takes the place of what Vite wraps around each `import()`, which first fetches the scripts and styles that a part depends
 * on. A part depends on the first script, which is there, and brings its own styles.
 */
const plainImports: Plugin = {
  name: 'plain-imports',
  apply: 'build',
  enforce: 'pre',
  load: {
    filter: { id: /^\0vite\/preload-helper\.js$/ },
    handler: () => 'export const __vitePreload = (load) => load();',
  },
};

const server = process.env.PARLEY_SERVER ?? 'http://127.0.0.1:8787';

export default defineConfig({
  root: fileURLToPath(new URL('./app', import.meta.url)),
  plugins: [plainImports, solid()],
  build: {
    outDir: fileURLToPath(new URL('./dist/client', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    assetsDir: 'assets',
    // A data: URL would need a wider Content-Security-Policy than the Worker sends.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        // All that is needed at once in one script. What parts fetched later share with it would be scripts of their own, and a
        // request each.
        codeSplitting: { groups: [{ name: 'app', test: /app\/main\.tsx$/ }] },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/room': { target: server, ws: true } },
  },
});
