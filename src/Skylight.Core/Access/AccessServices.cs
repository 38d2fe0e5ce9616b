using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Skylight.Core.Access;

public static class AccessServices
{
    /// <summary>Decisions, relations and the frame-read window. Needs <c>IDocuments</c>, <c>IAuditLog</c> and <c>ICatalog</c>.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IStudySubjects, CatalogSubjects>();
        services.AddSingleton<RelationRecords>();
        services.AddSingleton<FrameSessions>();
        services.AddSingleton<AccessService>();
        return services;
    }
}
