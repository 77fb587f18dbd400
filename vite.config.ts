/**
 * How the client is built: two scripts, a stylesheet and an icon to join with, and parts that are fetched later. Owns no
 * behaviour of the client.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';

const server = process.env.PARLEY_SERVER ?? 'http://127.0.0.1:8787';

export default defineConfig({
  root: fileURLToPath(new URL('./app', import.meta.url)),
  plugins: [solid()],
  build: {
    outDir: fileURLToPath(new URL('./dist/client', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    assetsDir: 'assets',
    // A data: URL would need a wider Content-Security-Policy than the Worker sends.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        // All but what draws QR codes, which only the parts fetched later do. What the first script shares with parts fetched later would be a file for each way of sharing, and a request each.
        codeSplitting: { groups: [{ name: 'shared', test: /node_modules\/(?!uqr)|app\/ui\/words/ }] },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/room': { target: server, ws: true } },
  },
});
