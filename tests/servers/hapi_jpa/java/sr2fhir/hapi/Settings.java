package sr2fhir.hapi;

import ca.uhn.fhir.context.FhirVersionEnum;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.ClientIdStrategyEnum;
import jakarta.servlet.http.HttpServletRequest;
import java.nio.file.Path;

/**
 * What a server is told.
 *
 * @param name its first part of the path
 * @param version R5 or R4
 * @param clientIds which ids clients may choose: ALPHANUMERIC, ANY, or NOT_ALLOWED
 * @param validates whether requests are validated, and refused for an error
 * @param guide a FHIR package that is installed, or null
 */
record Settings(
    String name, FhirVersionEnum version, ClientIdStrategyEnum clientIds, boolean validates, Path guide) {

  static Settings of(String name, HttpServletRequest request) {
    String guide = request.getParameter("package");
    return new Settings(
        name,
        FhirVersionEnum.valueOf(request.getParameter("version")),
        ClientIdStrategyEnum.valueOf(request.getParameter("client-ids")),
        Boolean.parseBoolean(request.getParameter("validate")),
        guide == null ? null : Path.of(guide));
  }
}
