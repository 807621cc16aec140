// The REST reference: Swagger UI from local files over the hub's own schema. It asks no foreign server for anything.
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";
import SwaggerUIBundle from "swagger-ui-dist/swagger-ui-es-bundle.js";

SwaggerUIBundle({
  url: "/docs/openapi.json",
  dom_id: "#docs",
  // Its links stand inside its buttons, where no keyboard finds them.
  deepLinking: false,
  validatorUrl: null,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  onComplete: nameControls,
});

/** Say what Swagger UI leaves unsaid to a screen reader. */
function nameControls(): void {
  document.querySelector("#servers")?.setAttribute("aria-label", "Server");
  document.querySelector(".information-container")?.setAttribute("role", "banner");
  const scheme = document.querySelector(".scheme-container");
  scheme?.setAttribute("role", "region");
  scheme?.setAttribute("aria-label", "Server and sign-in");
  for (const tag of document.querySelectorAll("h3.opblock-tag, .models h4")) tag.setAttribute("aria-level", "2");
}
