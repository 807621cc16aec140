/** The REST reference: Swagger UI with the hub's OpenAPI document. It sends no request to another server. */

import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";
import SwaggerUIBundle from "swagger-ui-dist/swagger-ui-es-bundle.js";

SwaggerUIBundle({
  url: "/docs/openapi.json",
  dom_id: "#docs",
  // Its links are inside its buttons, where the keyboard does not reach them.
  deepLinking: false,
  validatorUrl: null,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  onComplete: nameControls,
});

/** Add names and roles for screen readers that Swagger UI leaves out. */
function nameControls(): void {
  document.querySelector("#servers")?.setAttribute("aria-label", "Server");
  document.querySelector(".information-container")?.setAttribute("role", "banner");
  const scheme = document.querySelector(".scheme-container");
  scheme?.setAttribute("role", "region");
  scheme?.setAttribute("aria-label", "Server and sign-in");
  for (const tag of document.querySelectorAll("h3.opblock-tag, .models h4")) tag.setAttribute("aria-level", "2");
}
