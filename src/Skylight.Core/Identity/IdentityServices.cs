using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;

namespace Skylight.Core.Identity;

public static class IdentityServices
{
    /// <summary>Accounts, sign-in, the built-in issuer and token checking. Needs <c>IDocuments</c>, <c>IAuditLog</c> and <c>InstitutionSecrets</c>.</summary>
    public static IServiceCollection AddIdentity(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton<IValidateOptions<IdentityOptions>, IdentityOptionsValidator>();
        services.AddOptions<IdentityOptions>()
            .Bind(configuration.GetSection(IdentityOptions.Section))
            .ValidateOnStart();
        services.AddSingleton<InstitutionSecret>(p => p.GetRequiredService<InstitutionSecrets>().GetAsync);
        services.AddSingleton<IssuerAddress>();
        services.AddSingleton<PublicClients>();
        services.AddSingleton<PasswordHashing>();
        services.AddSingleton<AccountDirectory>();
        services.AddSingleton<SignInThrottle>();
        services.AddSingleton<SignInService>();
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<TokenIssuer>();
        services.AddSingleton<AuthorizationCodes>();
        services.AddSingleton(p => new ExternalIssuers(p.GetRequiredService<IOptions<IdentityOptions>>()));
        services.AddSingleton<TokenAuthenticator>();
        return services;
    }
}
