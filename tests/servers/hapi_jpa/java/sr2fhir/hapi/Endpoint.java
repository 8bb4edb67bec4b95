package sr2fhir.hapi;

import ca.uhn.fhir.batch2.jobs.bulkmodify.reindex.ReindexProvider;
import ca.uhn.fhir.context.FhirVersionEnum;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.config.JpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.r5.JpaR5Config;
import ca.uhn.fhir.jpa.packages.IPackageInstallerSvc;
import ca.uhn.fhir.jpa.packages.PackageInstallationSpec;
import ca.uhn.fhir.jpa.packages.PackageInstallationSpec.InstallModeEnum;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.validation.IInstanceValidatorModule;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.utilities.npm.NpmPackage;
import org.springframework.context.ApplicationContext;

/** The HTTP endpoint of a server: HAPI's own providers, and what its settings add. */
final class Endpoint {
  private static final int PAGE = 200;

  private Endpoint() {}

  /** Returns HAPI's configuration for a version of FHIR. */
  static Class<?> configuration(FhirVersionEnum version) {
    return switch (version) {
      case R4 -> JpaR4Config.class;
      case R5 -> JpaR5Config.class;
      default -> throw new IllegalArgumentException("no server for " + version);
    };
  }

  /** Returns the servlet of a server whose beans have been made. */
  static RestfulServer servlet(ApplicationContext beans, Settings settings) throws IOException {
    IFhirSystemDao<?, ?> system = beans.getBean(IFhirSystemDao.class);
    RestfulServer server = new RestfulServer(system.getContext());
    server.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
    server.registerProvider(beans.getBean(IJpaSystemProvider.class));
    server.registerProvider(beans.getBean(ReindexProvider.class));
    DatabaseBackedPagingProvider paging = beans.getBean(DatabaseBackedPagingProvider.class);
    paging.setMaximumPageSize(PAGE);
    server.setPagingProvider(paging);
    server.setServerConformanceProvider(
        new JpaCapabilityStatementProvider(
            server,
            system,
            beans.getBean(JpaStorageSettings.class),
            beans.getBean(ISearchParamRegistry.class),
            beans.getBean(JpaConfig.JPA_VALIDATION_SUPPORT_CHAIN, IValidationSupport.class)));
    if (settings.version() == FhirVersionEnum.R5) {
      Transform transform = new Transform(system.getContext(), beans.getBean(DaoRegistry.class));
      server.registerProvider(transform);
      server.registerInterceptor(transform);
    }
    if (settings.guide() != null) {
      install(beans.getBean(IPackageInstallerSvc.class), settings.guide());
    }
    if (settings.validates()) {
      server.registerInterceptor(validating(beans.getBean(IInstanceValidatorModule.class)));
    }
    return server;
  }

  private static RequestValidatingInterceptor validating(IInstanceValidatorModule validator) {
    RequestValidatingInterceptor validating = new RequestValidatingInterceptor();
    validating.addValidatorModule(validator);
    validating.setFailOnSeverity(ResultSeverityEnum.ERROR);
    return validating;
  }

  private static void install(IPackageInstallerSvc installer, Path guide) throws IOException {
    byte[] content = Files.readAllBytes(guide);
    NpmPackage read = NpmPackage.fromPackage(new ByteArrayInputStream(content));
    installer.install(
        new PackageInstallationSpec()
            .setName(read.name())
            .setVersion(read.version())
            .setPackageContents(content)
            .setFetchDependencies(false)
            .setInstallMode(InstallModeEnum.STORE_AND_INSTALL));
  }
}
