import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true },
  // The client is a link to a folder with its own copy of React. An installed package needs no `dedupe`.
  resolve: { dedupe: ["react", "react-dom"] },
});
