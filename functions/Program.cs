using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;
using Skylight.Functions;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.UseSkylight();
builder.Services.AddSkylight(builder.Configuration);
await builder.Build().RunAsync();
